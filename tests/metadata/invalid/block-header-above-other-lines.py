# conda execute
 * env:
 *  - python
