// conda execute

// env: [nodejs]
