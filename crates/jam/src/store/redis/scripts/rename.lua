-- KEYS: the old value, the new one, their index. ARGV: the old id, the new one, and for an exchange what the bytes have
-- to begin with, those that replace them and the new note. Returns 0: missing, 1: moved, 2: conflict.
local created, idle, deadline, note, size = limits(KEYS[1])
if not created then return 0 end
if ARGV[3] and not begins(KEYS[1], size, ARGV[3]) then return 2 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
local bytes = ARGV[4] or redis.call('GETRANGE', KEYS[1], size, -1)
write(KEYS[2], created, idle, deadline, ARGV[5] or note, bytes, KEYS[3], ARGV[2])
forget(KEYS[1], KEYS[3], ARGV[1])
return 1
