/* conda execute
 * env:
 *  - nodejs
 */
