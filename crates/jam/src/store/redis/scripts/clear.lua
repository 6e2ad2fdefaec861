-- KEYS: the index; a value's key is the index's followed by the id. Returns how many live values were deleted.
local deleted = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  deleted = deleted + redis.call('DEL', KEYS[1] .. id)
end
redis.call('DEL', KEYS[1])
return deleted
