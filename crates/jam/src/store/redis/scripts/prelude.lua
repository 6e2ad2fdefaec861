-- Stands in front of every script. A value begins with a header: version, creation, idle time, deadline and last
-- use, in milliseconds of the server's clock; -1 is no limit. Numbers are doubles, as Lua has no others.
local HEADER, SIZE = '<Bdddd', 33

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(number)
  return string.format('%.0f', number)
end

-- When a value last used now expires.
local function expiry(idle, deadline)
  local expires = math.huge
  if idle >= 0 then expires = now + idle end
  if deadline >= 0 then expires = math.min(expires, deadline) end
  return expires
end

-- The index is a sorted set of ids by expiry, and lives as long as its longest-living member.
local function enlist(index, id, expires)
  if not index then return end
  redis.call('ZREMRANGEBYSCORE', index, '-inf', '(' .. text(now))
  redis.call('ZADD', index, expires == math.huge and '+inf' or text(expires), id)
  local last = redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2]
  if last == 'inf' then
    redis.call('PERSIST', index)
  else
    redis.call('PEXPIREAT', index, last)
  end
end

-- The value goes first: should somebody else's data lie where the index has to be, the value is gone all the same.
local function forget(key, index, id)
  local deleted = redis.call('DEL', key)
  if index then redis.call('ZREM', index, id) end
  return deleted
end

-- The creation, idle time and deadline of a live value; nothing, if there is none.
local function limits(key)
  local header = redis.call('GETRANGE', key, 0, SIZE - 1)
  if #header == SIZE then
    local _, created, idle, deadline = struct.unpack(HEADER, header)
    return created, idle, deadline
  end
end

local function write(key, created, idle, deadline, bytes, index, id)
  local expires = expiry(idle, deadline)
  if expires <= now then
    forget(key, index, id)
    return
  end
  local value = struct.pack(HEADER, 1, created, idle, deadline, now) .. bytes
  if expires == math.huge then
    redis.call('SET', key, value)
  else
    redis.call('SET', key, value, 'PXAT', text(expires))
  end
  enlist(index, id, expires)
end
