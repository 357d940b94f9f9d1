package engines

// published are engines made by others: none here, see published.go.
var published []engine
