-- KEYS: the index; a value's key is the index's followed by the id. Returns ids and headers, by turns.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(now))
local answer = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local header = redis.call('GETRANGE', KEYS[1] .. id, 0, SIZE - 1)
  if #header == SIZE then
    answer[#answer + 1] = id
    answer[#answer + 1] = header
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return answer
