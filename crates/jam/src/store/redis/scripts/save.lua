-- KEYS: each value, and after it its index if it has one. ARGV: 'insert' or 'put'; then for each value the bytes, the
-- note or '', the idle time or '', the time to the deadline or '', the id, 'indexed' or ''.
local place = 1
for first = 2, #ARGV, 6 do
  local bytes, note, idle, rest, id, indexed = unpack(ARGV, first, first + 5)
  local key, index = KEYS[place], nil
  place = place + 1
  if indexed ~= '' then
    index = KEYS[place]
    place = place + 1
  end
  local created = limits(key)
  if created and ARGV[1] == 'insert' then return 0 end
  local deadline = rest == '' and -1 or now + rest
  write(key, created or now, tonumber(idle) or -1, deadline, note, bytes, index, id)
end
return 1
