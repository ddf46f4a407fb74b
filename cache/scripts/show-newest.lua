-- The beginning of show.lua, for most PATCHes: of an order that this service wrote, newer than all that was shown of it,
-- with no DELETE and no dead letter. It stands before the shared functions and uses none of them, because Lua makes these
-- anew in each call, which takes as long as all of this.
if ARGV[3] == '' and ARGV[7] == '' then
  local found = redis.call('MGET', KEYS[1], KEYS[2])
  local text, version, latest = found[1], tonumber(ARGV[1]), tonumber(ARGV[6])
  local seen = text and string.match(text, '^,"version":"(%d+)"} $', -31)
  local reserved, applied, writes = string.match(found[2] or '|||||', '^(%d*)|(%d*)|||(.*)$')
  if seen and writes and tonumber(seen) < version and (tonumber(applied) or 0) < version and version <= latest then
    -- The status ends at the first quote, unless a backslash comes before it.
    local _, before = string.find(text, ',"status":"', 1, true)
    local _, last, mark = string.find(text, '(["\\])', before + 1)
    local _, head, length = string.find(writes, '^%d+:(%d+):')
    local past = head and head + length or 0
    local patches = ARGV[1] .. ':' .. #ARGV[2] .. ':' .. ARGV[2] .. string.sub(writes, past + 2)
    if mark == '"' and #patches <= 1536 then
      local post = head and string.sub(writes, 1, past)
        or string.format('%.0f', seen) .. ':' .. last - before + 1 .. ':' .. string.sub(text, before, last)
      if (tonumber(reserved) or 0) < version or tonumber(reserved) > latest then reserved = ARGV[1] end
      redis.call('SET', KEYS[2], reserved .. '|' .. applied .. '|||' .. post .. '|' .. patches, 'EX', ARGV[4])
      redis.call('SET', KEYS[1], string.sub(text, 1, before - 1) .. ARGV[2] .. string.sub(text, last + 1, -32)
        .. string.format(',"version":"%016.0f"} ', version), 'EX', ARGV[4])
      return
    end
  end
end
