# conda execute
# env: [jq]

f() {
	# conda execute
	# env: [jq]
}
