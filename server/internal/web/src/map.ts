// The map of all papers.
export {};
