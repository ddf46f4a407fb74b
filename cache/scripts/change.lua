-- Changes a record if it still has the token of the try that changes it. KEYS: the record. ARGV: the token, a TTL or ''
-- to keep what is left of it, and for each field to be set its name and its value, as text since Lua prints large
-- numbers short. A value of '' removes the field; to remove 'lease' is to end it.
local raw = redis.call('GET', KEYS[1])
if not raw then return end
local record = cjson.decode(raw)
if record.token ~= ARGV[1] then return end
for i = 3, #ARGV, 2 do record[ARGV[i]] = ARGV[i + 1] ~= '' and ARGV[i + 1] or nil end
if not record.lease then record.lease = 0 end
if ARGV[2] == '' then redis.call('SET', KEYS[1], cjson.encode(record), 'KEEPTTL')
else redis.call('SET', KEYS[1], cjson.encode(record), 'EX', ARGV[2]) end
