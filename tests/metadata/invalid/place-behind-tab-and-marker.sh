f() {
	# conda execute
	# env:
	#  - jq
	#  - numpy=
}
