/// conda execute
/// env: [swift]
/// run_with: swift

print("hello")
