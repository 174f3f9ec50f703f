" conda execute
" env:
"  - vim
" run_with: vim -S

echo "hello"
