// env: [nodejs]

hello()
