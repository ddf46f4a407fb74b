-- Puts a POST into a copy that has something of its order already: below the PATCHes and DELETEs that were shown. KEYS:
-- the pending copy. ARGV: the order as JSON, its version, TTL waiting, the greatest version that can be, '1' if the
-- POST was a dead letter and waits again. Returns 1 if it was put.
local order, version, latest = cjson.decode(ARGV[1]), ARGV[2], tonumber(ARGV[4])
local copy = open(KEYS[1], order.order_id)
if copy.deleted or copy.items or number(copy.applied, latest) >= tonumber(version) then return 0 end
local dead = has(copy.dead, version)
if dead and ARGV[5] ~= '1' then return 0 end
if dead then table.remove(copy.dead, dead) end
copy.customer_name, copy.items = order.customer_name, order.items
copy.created, copy.first = version, order.status
look(copy, latest)
save(KEYS[1], copy, 'EX', ARGV[3])
return 1
