-- KEYS: the old value, the new one, their index. ARGV: the old id, the new one, and for an exchange the bytes that
-- are expected and those that replace them. Returns 0: missing, 1: moved, 2: conflict.
local created, idle, deadline = limits(KEYS[1])
if not created then return 0 end
local bytes = redis.call('GETRANGE', KEYS[1], SIZE, -1)
if ARGV[3] and ARGV[3] ~= bytes then return 2 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
write(KEYS[2], created, idle, deadline, ARGV[4] or bytes, KEYS[3], ARGV[2])
forget(KEYS[1], KEYS[3], ARGV[1])
return 1
