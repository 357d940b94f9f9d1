// Package akinv1 is the contract of Akin in Go, generated from the .proto files beside it: the messages, and for each
// service a client and a server's interface. Their comments say units, limits and defaults.
//
//	PaperService       papers go in, are read, exported and deleted
//	SimilarityService  searches, likeness of papers, recommendations and explanations
//	ProfileService     events about papers, and the profiles that they add up to
//	AlertService       subscriptions to new papers, and their matches
//	IndexService       the model, the index, backups and the map
//
// Programs in Go are better served by package client, which sends imports in batches, tries again what may be tried
// again, and turns errors into Go's. Programs in other languages generate their own code from the same files, or call
// every method as JSON over HTTP.
package akinv1
