-- KEYS: the record. ARGV: a version, the greatest that can be. Removes the record unless it was claimed after the
-- version.
local ok, record = pcall(cjson.decode, redis.pcall('GET', KEYS[1]))
if ok and type(record) == 'table' then
  local claimed = tonumber(record.claimed) or 0
  if claimed > tonumber(ARGV[1]) and claimed <= tonumber(ARGV[2]) then return end
end
redis.call('UNLINK', KEYS[1])
