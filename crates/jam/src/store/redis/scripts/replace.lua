-- KEYS: the value, its index if it has one. ARGV: the bytes, the id, and what the old bytes have to begin with, if they
-- must. Returns 0: missing, 1: done, 2: conflict.
local created, idle, deadline, note, size = limits(KEYS[1])
if not created then return 0 end
if ARGV[3] and not begins(KEYS[1], size, ARGV[3]) then return 2 end
write(KEYS[1], created, idle, deadline, note, ARGV[1], KEYS[2], ARGV[2])
return 1
