-- KEYS: the record. ARGV: token, TTL or '' to keep what is left of it, and what the record gets: a field and its value,
-- as text since Lua prints large numbers short. 'lease' of '' ends the lease.
local raw = redis.call('GET', KEYS[1])
if not raw then return end
local record = cjson.decode(raw)
if record.token ~= ARGV[1] then return end
for i = 3, #ARGV, 2 do record[ARGV[i]] = ARGV[i + 1] ~= '' and ARGV[i + 1] or nil end
if not record.lease then record.lease = 0 end
if ARGV[2] == '' then redis.call('SET', KEYS[1], cjson.encode(record), 'KEEPTTL')
else redis.call('SET', KEYS[1], cjson.encode(record), 'EX', ARGV[2]) end
