package main

import (
	"bufio"
	"encoding/binary"
	"math"
	"os"

	"github.com/akin-search/akin/embed"
)

// heldOut is the number of papers that become queries where a collection has none.
const heldOut = 1000

// writeVectors writes the documents to out.base.fbin and the queries to out.query.fbin. held are the papers that were
// kept out of the collection to be queries; without them the queries of the dataset are.
func (c *collection) writeVectors(out string, held []document) error {
	if err := writeFbin(out+".base.fbin", c.vectors, c.model.Dims()); err != nil {
		return err
	}
	vectors := make([]float32, len(held)*c.model.Dims())
	if len(held) == 0 {
		_, vectors = c.prepare(c.Queries)
	}
	analyzer := embed.NewAnalyzer(c.config)
	var a embed.Analysis
	for i, d := range held {
		analyzer.Analyze(&a, d.Title, d.Text)
		c.model.Embed(vectors[i*c.model.Dims():(i+1)*c.model.Dims()], &a.Features)
	}
	return writeFbin(out+".query.fbin", vectors, c.model.Dims())
}

// writeFbin writes rows of d values: uint32 number of rows, uint32 d, then the values, all little-endian.
func writeFbin(path string, values []float32, d int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := bufio.NewWriterSize(file, 1<<20)
	var word [8]byte
	binary.LittleEndian.PutUint32(word[:4], uint32(len(values)/d))
	binary.LittleEndian.PutUint32(word[4:], uint32(d))
	if _, err := w.Write(word[:]); err != nil {
		return err
	}
	for _, v := range values {
		binary.LittleEndian.PutUint32(word[:4], math.Float32bits(v))
		if _, err := w.Write(word[:4]); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return file.Close()
}
