// Package gateway speaks HTTP for the services: each method of akin.v1 as JSON, what they are as OpenAPI, and pages
// that show it. Every call goes through gRPC's own way in (package admit), by a connection within the process, so that
// roles, limits, log and metrics are the same whatever a caller speaks.
//
// # A request's way through
//
//	guard      Host, origin of the page, CORS                          guard.go
//	method     which RPC; POST, or GET for those without side effects  gateway.go
//	decode     JSON, protobuf or query parameters to the message       unary.go, query.go, envelope.go
//	call       the inside connection of package service
//	encode     the message or the error as JSON                        unary.go, failure.go
//
// The methods, their messages and what OpenAPI says of them are read from the descriptors of the contract: a new RPC
// needs nothing here.
package gateway
