-- Functions for scripts that change what readers see. An opened copy holds more than an order as its POST put it:
--   created, first   the version of the POST and the status that it gave, if the POST is seen
--   patches          the newest two dozen or so of the PATCHes that were shown, in the order of their versions. They
--                    are one text, `version:length of the status:status` for each, as most often one is just appended
--   deletes          the versions of the DELETEs that were shown and wait
--   dead             the versions of writes that became dead letters before they were shown, so that they never are
-- What readers see (`version`, `status`, `deleting`) follows from these. So it is known what is left if some of the
-- writes turn out to be dead letters, in whatever order. `latest` is the greatest version that can be.
local MOST = 50
local MOST_PATCHES_BYTES = 704
local function number(digits, latest)
  local version = tonumber(digits) or 0
  return version <= latest and version or 0
end

local function packed(version, status) return version .. ':' .. #status .. ':' .. status end
local function pack(list)
  local texts = {}
  for i, patch in ipairs(list) do texts[i] = packed(patch[1], patch[2]) end
  return table.concat(texts)
end
local function unpack_patches(text)
  local list, at = {}, 1
  while at <= #text do
    local _, last, version, length = string.find(text, '^([^:]*):(%d+):', at)
    at = last + 1 + length
    table.insert(list, { version, string.sub(text, last + 1, at - 1) })
  end
  return list
end
local function without_oldest(text)
  local _, last, length = string.find(text, '^[^:]*:(%d+):')
  return string.sub(text, last + 1 + length)
end

-- Reads a copy, also one that another service or an earlier version of this one put there, and opens it.
local function open(key, id)
  local raw = redis.call('GET', key)
  local copy = raw and cjson.decode(raw) or { order_id = id }
  if copy.deleted or copy.patches then return copy end
  copy.patches, copy.deletes = '', {}
  if copy.items then copy.created, copy.first = copy.version or '0', copy.status end
  if copy.deleting then copy.created, copy.first, copy.deletes = '0', nil, { copy.version }
  elseif copy.status and not copy.items then copy.patches = packed(copy.version or '0', copy.status) end
  return copy
end

local function has(list, version)
  for i, digits in ipairs(list or {}) do if tonumber(digits) == tonumber(version) then return i end end
end
local function has_patch(list, version)
  for i, patch in ipairs(list) do if tonumber(patch[1]) == tonumber(version) then return i end end
end
local function add(list, version)
  if not has(list, version) then table.insert(list, version) end
  if #list > MOST then table.remove(list, 1) end
end
local function add_patch(copy, version, status, latest)
  -- Most often the new one is the newest.
  if #copy.deletes == 0 and tonumber(version) > number(copy.version, latest) then
    copy.patches = copy.patches .. packed(version, status)
  else
    local list = unpack_patches(copy.patches)
    if has_patch(list, version) then return end
    local at = #list + 1
    while at > 1 and number(list[at - 1][1], latest) > tonumber(version) do at = at - 1 end
    table.insert(list, at, { version, status })
    copy.patches = pack(list)
  end
  if #copy.patches > MOST_PATCHES_BYTES then copy.patches = without_oldest(copy.patches) end
end

-- Works out what readers see of a copy.
local function look(copy, latest)
  local version, status = copy.items and copy.first and copy.created, copy.first
  local list = unpack_patches(copy.patches)
  local patch = list[#list]
  if patch and (not version or number(patch[1], latest) >= number(version, latest)) then
    version, status = patch[1], patch[2]
  end
  copy.deleting = nil
  for _, digits in ipairs(copy.deletes) do
    if not copy.deleting or number(digits, latest) > number(version, latest) then version = digits end
    status, copy.deleting = 'deleting', true
  end
  copy.version, copy.status = version or nil, version and status or nil
end

-- What is left of a copy if MySQL has something newer than all that readers see of it, or they see nothing of it.
local function bare(copy)
  return { order_id = copy.order_id, reserved = copy.reserved, applied = copy.applied, dead = copy.dead,
    patches = '', deletes = {} }
end

local function save(key, copy, ...)
  if copy.dead and #copy.dead == 0 then copy.dead = nil end
  redis.call('SET', key, cjson.encode(copy), ...)
end
