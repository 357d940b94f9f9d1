// Package mcp serves an Akin service to language models over the Model Context Protocol: six tools that read (search,
// similar, recommend, get, export_bibtex, stats) and none that writes.
//
// A model pays for every word, so the tools, their descriptions included, stay within 2,000 tokens, and an answer
// within Options.MaxTokens, by the cautious count of cost. What does not fit waits behind a cursor, kept in memory.
//
// Every answer is one JSON object. What papers say stands in its strings alone, without invisible characters, beside a
// notice that it is data. That tells a model what is what; it does not stop a text that was written to mislead one.
package mcp
