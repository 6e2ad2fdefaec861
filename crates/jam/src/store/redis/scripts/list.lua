-- KEYS: the index; a value's key is the index's followed by the id. Returns by turns ids and what
-- stands in front of their values.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(now))
local answer = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local found = front(KEYS[1] .. id)
  if found then
    answer[#answer + 1] = id
    answer[#answer + 1] = found
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return answer
