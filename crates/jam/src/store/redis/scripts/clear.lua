-- KEYS: the index; a value's key is the index's followed by the id. ARGV: the id to keep, if there is one. Returns how
-- many live values were deleted.
local kept = ARGV[1] and redis.call('ZSCORE', KEYS[1], ARGV[1])
local deleted = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if id ~= ARGV[1] then
    deleted = deleted + redis.call('DEL', KEYS[1] .. id)
  end
end
redis.call('DEL', KEYS[1])
if kept then
  enlist(KEYS[1], ARGV[1], kept == 'inf' and math.huge or tonumber(kept))
end
return deleted
