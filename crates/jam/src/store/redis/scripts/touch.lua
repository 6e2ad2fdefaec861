-- KEYS: the value, its index if it has one. ARGV: the id. Returns the value.
local created, idle, deadline = limits(KEYS[1])
if not created then return false end
local expires = expiry(idle, deadline)
redis.call('SETRANGE', KEYS[1], SIZE - 8, struct.pack('<d', now))
if expires < math.huge then
  redis.call('PEXPIREAT', KEYS[1], text(expires))
  enlist(KEYS[2], ARGV[1], expires)
end
return redis.call('GET', KEYS[1])
