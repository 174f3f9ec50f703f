;; conda execute
;; env:
;;  - clojure
;; run_with: clojure

(println "hello")
