-- The newest version that the first key of an order tells of.
local function newest_in(order_key, latest)
  local tail = redis.call('GETRANGE', order_key, -31, -1)
  if tail == '' then return 0 end
  local version = string.match(tail, '^,"version":"0*(%d+)"} $')
  if version then return number(version, latest) end
  -- The Flask service wrote it, or an earlier version of this service.
  local found = cjson.decode(redis.call('GET', order_key))
  return math.max(number(found.version, latest), number(found.reserved, latest), number(found.applied, latest))
end
