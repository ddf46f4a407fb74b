-- KEYS: an order's answer and its guard. ARGV: the answer, its TTL. Stores it where there is none, unless it is guarded.
-- Returns whether it did.
if redis.call('EXISTS', KEYS[2]) == 1 then return false end
return redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2], 'NX')
