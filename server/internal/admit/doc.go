// Package admit decides which calls the server takes, in which order, and at whose cost.
//
// # The chain
//
// A call passes these stages in order; each may refuse it, and none but the last does the call's own work. Whoever
// wants to see a call's way (metrics, traces, logs) reads the times that the stages leave in its Call.
//
//	connect   connections are counted, and shed when there are too many or no file descriptors are left   listener.go
//	door      while calls are being refused, those that would be are answered before gRPC hears of them    door.go
//	arrive    on the stream's headers, before a byte of the message is read: principal, role, rate, calls
//	          in flight, and whether the queue can be passed within the deadline                            arrive.go
//	receive   the message is read piece by piece against one budget of bytes and a deadline of its own      receive.go
//	acquire   with the decoded message its cost is known: class and units, and a place in the queue         limiter.go
//	run       the handler; long work yields to shorter work now and then                                    permit.go
//	send      a stream gives its permit back while its client reads, and is cut when it does not            send.go
//
// # Principals
//
// A principal is who calls: found by the bearer token or the subject of the client's certificate, in a file that is
// read again when it changes. It has roles, and may have a filter that binds every method that can show, count or
// explain a paper. Rules has one rule for every method; a method without one is refused.
package admit
