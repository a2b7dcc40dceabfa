-- What a box sees of the machine it runs on.

print("os.execute", os.execute)
print("io.popen", io.popen)
print("nginx", ngx)
print("ffi", (pcall(require, "ffi")))
print("a file", io.open("/etc/passwd"))
print("HOME", os.getenv("HOME"))
print("bytecode", load(string.dump(function() end)))
print("addresses", tostring({}))
io.stderr:write("and what goes to stderr looks like this\n")
