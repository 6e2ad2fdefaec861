-- KEYS: the value, its index if it has one. ARGV: the bytes, the idle time or '', the time to the deadline or '',
-- 'insert' or 'put', the id.
local bytes, idle, rest, mode, id = unpack(ARGV)
local created = limits(KEYS[1])
if created and mode == 'insert' then return 0 end
local deadline = rest == '' and -1 or now + rest
write(KEYS[1], created or now, tonumber(idle) or -1, deadline, bytes, KEYS[2], id)
return 1
