-- KEYS: the record. ARGV: version, the latest that can be. A record stays that was claimed later.
local ok, record = pcall(cjson.decode, redis.pcall('GET', KEYS[1]))
if ok and type(record) == 'table' then
  local claimed = tonumber(record.claimed) or 0
  if claimed > tonumber(ARGV[1]) and claimed <= tonumber(ARGV[2]) then return end
end
redis.call('UNLINK', KEYS[1])
