-- Functions for scripts that change what readers see. They open the two keys of an order (cache/pending.ts) as one table
-- and save it:
--   text             the order as readers see it: the first key. All others are the notes in the second key
--   created, first   the version of its POST and the status that it gave, '' if that is not known
--   patches          the newest two dozen or so of the PATCHes that were shown
--   deletes          the versions of the DELETEs that were shown and wait
--   dead             the versions of writes that became dead letters before they were shown, so that they never are
--   reserved         the newest version that was reserved or shown
--   applied          the newest version that is in MySQL
-- What readers see (`version`, `status`, `deleting`) follows from these. So it is known what is left if some of the
-- writes turn out to be dead letters, in whatever order. The notes are one text,
-- `reserved|applied|deletes|dead|POST|patches`, in which the POST is written like a patch (patches.lua).
local DELETED = 'deleted'
local NOTES = '^(%d*)|(%d*)|([%d,]*)|([%d,]*)|'
-- The end of an order that this service wrote (cache/pending-copy.ts).
local TAIL, TAIL_BYTES = '^,"version":"0*(%d+)"} $', 31
local STATUS = ',"status":'

-- Returns where the status is. What we search for is found nowhere else: a quote inside a string follows a backslash, no
-- word follows a quote that ends a string, and no member before the status contains another one of that name.
local function status_in(text)
  local _, before = string.find(text, STATUS .. '"', 1, true)
  local at = before + 1
  while true do
    at = string.find(text, '["\\]', at)
    if string.sub(text, at, at) == '"' then return before, at end
    at = at + 2
  end
end
local function tail_of(version) return string.format(',"version":"%016.0f"} ', version) end
local function with_status(text, version, status)
  local from, to = status_in(text)
  return string.sub(text, 1, from - 1) .. status .. string.sub(text, to + 1, -TAIL_BYTES - 1) .. tail_of(version)
end
local function written(order)
  return '{"order_id":' .. cjson.encode(order.order_id) .. ',"customer_name":' .. cjson.encode(order.customer_name)
    .. STATUS .. '"","items":' .. cjson.encode(order.items) .. tail_of(0)
end

-- Works out what readers see.
local function look(copy, latest)
  local version, status = copy.first ~= '' and copy.created or nil, copy.first
  local newest, its = patch_at(copy.patches, 1)
  if newest and (not version or number(newest, latest) >= number(version, latest)) then
    version, status = newest, its
  end
  copy.deleting = false
  for delete in string.gmatch(copy.deletes, '%d+') do
    if not copy.deleting or number(delete, latest) > number(version, latest) then version = delete end
    status, copy.deleting = '"deleting"', true
  end
  copy.version, copy.status = version, version and status
end

-- Takes over what an earlier version of this service kept in the first key. Returns whether it had opened the copy.
local function adopt_earlier(copy, found, latest)
  copy.reserved = newest_of(copy.reserved, digits(found.reserved), latest)
  copy.applied = newest_of(copy.applied, digits(found.applied), latest)
  for _, version in ipairs(found.dead or {}) do copy.dead = with(copy.dead, digits(version)) end
  if type(found.patches) ~= 'string' then return false end
  for _, version in ipairs(found.deletes or {}) do copy.deletes = with(copy.deletes, digits(version)) end
  -- There the newest patch came last, and statuses were not JSON.
  local at = 1
  while true do
    local version, status, past = patch_at(found.patches, at)
    if not version then break end
    copy.patches = packed(version, cjson.encode(status)) .. copy.patches
    at = past
  end
  if found.items and found.created then
    copy.created, copy.first = digits(found.created), found.first and cjson.encode(found.first) or ''
  end
  return true
end

-- Takes over what the Flask service wrote: its own order, or one of ours with another status and our version.
local function adopt_foreign(copy, found, latest)
  local version, status = digits(found.version), found.status and cjson.encode(found.status)
  local is_ours = copy.created
  if found.items and not is_ours then copy.created, copy.first = version, status or '' end
  if found.deleting or found.status == 'deleting' then
    copy.deletes = with(copy.deletes, version)
    if not is_ours then copy.first = '' end
  elseif status and (is_ours or not found.items) then
    look(copy, latest)
    if copy.status ~= status then copy.patches = packed(version, status) .. copy.patches end
  end
end

local function adopt(copy, found, latest)
  if found.deleted then
    copy.deleted = true
    return
  end
  local opened = adopt_earlier(copy, found, latest)
  if not opened then adopt_foreign(copy, found, latest) end
  copy.foreign = not (opened or found.reserved or found.applied)
  copy.text = found.items and copy.created and written(found) or nil
  look(copy, latest)
  if copy.foreign and copy.version then copy.shown = copy.version .. copy.status end
end

-- `found` is what MGET returned for the two keys, if the caller has asked already. Unreadable notes count as none.
local function open(order_key, notes_key, latest, found)
  found = found or redis.call('MGET', order_key, notes_key)
  local text, notes = found[1], found[2]
  if notes == DELETED then return { deleted = true } end
  if not notes or not string.find(notes, NOTES) then notes = '|||||' end
  local _, at, reserved, applied, deletes, dead = string.find(notes, NOTES)
  local created, first, past = patch_at(notes, at + 1)
  local version = text and string.match(text, TAIL, -TAIL_BYTES)
  local copy = {
    order_key = order_key, notes_key = notes_key, has_order = text, has_notes = found[2],
    reserved = reserved, applied = applied, deletes = deletes, dead = dead,
    -- The order may have expired or been evicted: then its POST is not seen.
    created = text and created, first = first, patches = string.sub(notes, (past or at + 1) + 1),
    text = version and text, version = version, shown = version, deleting = deletes ~= '',
  }
  if version and not created then
    copy.created, copy.first = version, string.sub(text, status_in(text))
    if copy.patches ~= '' or copy.deleting then look(copy, latest) end
  elseif text and not version then adopt(copy, cjson.decode(text), latest)
  elseif not text then look(copy, latest) end
  return copy
end

-- Hides everything: MySQL has something newer than all that readers see, or they see nothing.
local function hide(copy)
  copy.text, copy.created, copy.patches, copy.deletes = nil, nil, '', ''
end

-- `ttl` is in seconds; without it both keys keep what is left of theirs.
local function save(copy, latest, ttl)
  local reserved = newest_of(copy.reserved, copy.version, latest)
  local notes = reserved .. '|' .. copy.applied .. '|' .. copy.deletes .. '|' .. copy.dead .. '|'
    .. (copy.created and packed(copy.created, copy.first) or '') .. '|' .. copy.patches
  local left = not ttl and not copy.has_notes and redis.call('PTTL', copy.order_key) or 0
  if ttl then redis.call('SET', copy.notes_key, notes, 'EX', ttl)
  elseif left > 0 then redis.call('SET', copy.notes_key, notes, 'PX', left)
  else redis.call('SET', copy.notes_key, notes, 'KEEPTTL') end
  if not copy.text or not copy.version then
    if copy.has_order then redis.call('UNLINK', copy.order_key) end
    return
  end
  local is_as_shown = copy.shown == (copy.foreign and copy.version .. copy.status or copy.version)
  if not is_as_shown then
    local text = with_status(copy.text, copy.version, copy.status)
    if ttl then redis.call('SET', copy.order_key, text, 'EX', ttl)
    else redis.call('SET', copy.order_key, text, 'KEEPTTL') end
  elseif ttl and not copy.foreign then redis.call('EXPIRE', copy.order_key, ttl) end
end
