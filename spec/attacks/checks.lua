-- What the host does itself with a box after certain attacks, by the attack's name: check(box, results, harness).
-- `results` is what pcall gave for the call.
local checks = {}

checks["83-evil-error-object"] = function(_, results, harness)
  local err = results[2]
  harness.check(type(err) == "table" and getmetatable(err) == nil, "the error value kept its metatable")
  harness.bounded("tostring of the error", 0, tostring, err)
end

checks["84-deep-return-value"] = function(_, results, harness)
  if not results[1] then return end
  local depth, t = 0, results[2]
  while type(t) == "table" and t[1] do depth, t = depth + 1, t[1] end
  harness.check(depth == 200000, "the table came " .. depth .. " levels deep")
  local ring = results[3]
  harness.check(type(ring) == "table" and ring.self == ring and ring[ring] == ring, "the ring is broken")
  harness.check(type(results[4]) == "table" and getmetatable(results[4]) == nil, "a metatable came across")
  harness.check(results[5] ~= results[5], "NaN came as " .. tostring(results[5]))
  harness.check(results[6] == ("r"):rep(1000000), "the long string is another")
  local comb, n = results[7], 0
  local node, twig = comb, comb.twig
  while node.n do
    n = n + 1
    harness.check(node.root == comb and node.twig == twig and node.n == n, "level " .. n .. " of the comb is broken")
    local inner = node.next
    for k in pairs(node) do
      if type(k) == "table" then inner = node[k] == k and k or {} end
    end
    node = inner
  end
  harness.check(n == 5000, "the comb came " .. n .. " levels deep")
end

checks["85-globals-trap"] = function(box, _, harness)
  local wall = 30
  local function limited(what, results)
    if results[1] then return true end
    local status = box:status()
    harness.check(status == "exhausted" or status == "killed", what .. " raised " .. tostring(results[2]))
    return false
  end
  limited("get", harness.bounded("get", wall, box.get, box, "nothing_there"))
  if limited("set", harness.bounded("set", wall, box.set, box, "given", 12)) then
    local got = harness.bounded("get", wall, box.get, box, "given")
    if limited("get", got) then harness.check(got[2] == 12, "a global set by the host is " .. tostring(got[2])) end
  end
  -- a call into the trap costs the box's own time alone
  local call = harness.bounded("call", wall, box.dostring, box, "return undefined_name")
  harness.check(not call[1], "the trap did not spring")
  harness.check(("x"):upper() == "X", "the host's strings have lost their methods")
end

checks["106-shared-table-bomb"] = function(_, results, harness)
  local t, depth = results[2], 0
  while type(t) == "table" and t[1] do
    if t[1] ~= t[2] then return harness.fail "what was one table has become two" end
    depth, t = depth + 1, t[1]
  end
  harness.check(depth == 60, "the table came " .. depth .. " levels deep")
end

checks["105-many-results"] = function(_, results, harness)
  if not results[1] then return end
  harness.check(results[2] == 1 and results[results.n] == results.n - 1, "the results are others")
end

checks["114-io-open-names"] = function(_, _, harness)
  local made = io.open("/tmp/safelua-attack-114")
  if made then
    made:close()
    os.remove("/tmp/safelua-attack-114")
    harness.fail "a file was made"
  end
end

return checks
