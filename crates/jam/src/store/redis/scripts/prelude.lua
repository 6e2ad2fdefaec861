-- Stands in front of every script. A value begins with a header: version, creation, idle time, deadline and last
-- use, in milliseconds of the server's clock; -1 is no limit. Numbers are doubles, as Lua has no others. In version 2
-- the length of a note follows, and the note.
local HEADER, SIZE = '<Bdddd', 33
local LENGTH, LENGTH_SIZE = '<H', 2

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

-- What stands in front of the bytes of a live value: the header, and a note if there is one. Nothing, if there is no
-- value.
local function front(key)
  local start = redis.call('GETRANGE', key, 0, SIZE + LENGTH_SIZE - 1)
  if #start < SIZE then return end
  if start:byte() == 1 then return start:sub(1, SIZE) end
  local length = struct.unpack(LENGTH, start, SIZE + 1)
  return start .. redis.call('GETRANGE', key, #start, #start + length - 1)
end

-- The creation, idle time, deadline and note of a live value, and how much stands in front of its bytes; nothing, if
-- there is none.
local function limits(key)
  local found = front(key)
  if found then
    local _, created, idle, deadline = struct.unpack(HEADER, found)
    return created, idle, deadline, found:sub(SIZE + LENGTH_SIZE + 1), #found
  end
end

-- Whether the bytes of a value begin like this.
local function begins(key, size, expected)
  return redis.call('GETRANGE', key, size, size + #expected - 1) == expected
end

local function write(key, created, idle, deadline, note, bytes, index, id)
  local expires = expiry(idle, deadline)
  if expires <= now then
    forget(key, index, id)
    return
  end
  local version = 1
  if note ~= '' then
    version = 2
    note = struct.pack(LENGTH, #note) .. note
  end
  local value = struct.pack(HEADER, version, created, idle, deadline, now) .. note .. bytes
  if expires == math.huge then
    redis.call('SET', key, value)
  else
    redis.call('SET', key, value, 'PXAT', text(expires))
  end
  enlist(index, id, expires)
end
