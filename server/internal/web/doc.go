// Package web is the page: what a researcher sees of Akin in a browser. It searches, shows papers and why they are
// alike, keeps collections of liked papers, and recommends by them.
//
// # How it is made
//
// Every view is a page that the server renders (html/template), under an address that can be sent to someone. Nothing
// needs a script: forms are forms, links are links. The islands in src/ add to that: keys, likes that change the page
// in place, the map. esbuild bundles them into static/, which is committed; see generate.go.
//
// The page stands on a connection to the services of akin.v1 and on nothing else: each request of a browser becomes a
// few calls with the caller's own token, which pass the same admission, limits and metrics as anyone's.
//
//	site.go      routes, and the way of a request     visit.go      one request
//	secure.go    what a browser may do with a page     session.go    who is signed in
//	faults.go    errors as pages that say what to do   assets.go     scripts and styles
//	cards.go     papers in a list                      export.go     any list as a file
//	subscribe.go the form of a subscription            alerts.go     subscriptions, and what they found
//
// # What is kept
//
// Collections are profiles (ProfileService), so that the command line and other programs see the same likes: those of
// the principal whose token is used, or of everyone where the server asks for no token. In memory are only sessions,
// which hold the tokens of those who signed in: the browser has a random number and never the token. A restart ends
// them.
//
// # Safety
//
// Pages ask for nothing from other hosts. Their content security policy forbids inline scripts and styles, frames, and
// forms that lead elsewhere; texts of papers are escaped wherever they stand. What changes something is a POST of this
// very origin (net/http.CrossOriginProtection), beside cookies that are SameSite and not for scripts.
package web
