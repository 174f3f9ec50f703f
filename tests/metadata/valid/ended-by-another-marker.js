// conda execute
// env: [nodejs]
/* a comment
// of another kind */
