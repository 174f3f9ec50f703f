; conda execute
; env: [guile]
; run_with: guile -s

(display "hello")
