-- KEYS: the value, its index if it has one. ARGV: the bytes, the id.
local created, idle, deadline = limits(KEYS[1])
if not created then return 0 end
write(KEYS[1], created, idle, deadline, ARGV[1], KEYS[2], ARGV[2])
return 1
