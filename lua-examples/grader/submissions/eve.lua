-- Asks the system.
os.execute("wc")
