main() {
	# conda execute
	# env:
	#  - jq
	jq --version
}
main
