// Package hnsw is a hierarchical navigable small world graph.
package hnsw
