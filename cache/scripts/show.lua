-- Shows a PATCH or DELETE. KEYS: the pending copy. ARGV: order id, version, status, 'deleting' or '', TTL waiting, TTL
-- applied, the greatest version that can be, '1' if the write was a dead letter and waits again.
local id, version, status, latest = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[7])
local copy = open(KEYS[1], id)
if copy.deleted then return end
local dead = has(copy.dead, version)
if dead and ARGV[8] ~= '1' then return end
if dead then table.remove(copy.dead, dead) end
local applied = number(copy.applied, latest)
local seen = number(copy.version, latest)
if ARGV[4] == 'deleting' then add(copy.deletes, version)
elseif tonumber(version) < applied then return
else add_patch(copy, version, status, latest) end
if ARGV[4] == '' and #copy.deletes == 0 and tonumber(version) > seen then
  copy.version, copy.status = version, status
else look(copy, latest) end
-- A newer write in MySQL does not mean that the delete was applied: then the copy would say `deleted`.
if not copy.deleting and seen > tonumber(version) then return save(KEYS[1], copy, 'KEEPTTL') end
local settled = not copy.deleting and number(copy.version, latest) <= applied
save(KEYS[1], copy, 'EX', settled and ARGV[6] or ARGV[5])
