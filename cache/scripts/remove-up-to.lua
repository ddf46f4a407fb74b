-- KEYS: the pending copy. ARGV: a version, the greatest that can be. Removes the copy unless it shows a newer write, or
-- a newer version is reserved in it.
local ok, pending = pcall(cjson.decode, redis.pcall('GET', KEYS[1]))
if ok and type(pending) == 'table' then
  local latest = tonumber(ARGV[2])
  local newest = math.max(version_of(pending, 'version', latest), version_of(pending, 'reserved', latest))
  if newest > tonumber(ARGV[1]) then return end
end
redis.call('UNLINK', KEYS[1])
