// Package layout draws a map: it gives points in a space of many dimensions, of which only the nearest neighbours are
// known, places in the plane so that neighbours stay neighbours.
//
// # The method
//
// It is t-SNE (van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008): every point pulls its
// neighbours near, all points push each other away, and gradient descent moves them until the divergence of Kullback
// and Leibler between the likenesses of the vectors and those of the places is small. Of the methods of its kind it
// keeps the most neighbours (Kobak and Berens, "The art of using t-SNE for single-cell transcriptomics", Nature
// Communications 10, 2019; Damrich, Böhm, Hamprecht and Kobak, "From t-SNE to UMAP with contrastive learning", ICLR
// 2023).
//
//   - Pull (descent.go). The k nearest neighbours count alike and all others nothing: where k is small that
//     keeps as many neighbours as likenesses fitted to a perplexity do, and a link is 4 bytes. The links are
//     made symmetric (graph.go).
//   - Push (field.go). The forces between all pairs are the gradient of one potential, which is computed on a
//     pyramid of grids in time proportional to the points and to the area. Linderman, Rachh, Hoskins,
//     Steinerberger and Kluger ("Fast interpolation-based t-SNE", Nature Methods 16, 2019) do it on one grid
//     with Fourier transforms; the pyramid, as of multilevel summation (Skeel, Tezcan and Hardy, J. Comput.
//     Chem. 23, 2002), needs none.
//   - Beginning (principal.go). Two principal components, made small: they say what is far from what, which
//     descent from a random beginning never finds out (Kobak and Linderman, "Initialization is critical for
//     preserving global data structure in both t-SNE and UMAP", Nature Biotechnology 39, 2021). A map that is
//     drawn again begins with the map before, so what people remember stays where it was.
//
// # Words on the map
//
// Clusters (clusters.go) are the hills of the density of points, at each of a few widths. Salient (salient.go) chooses
// what a cluster has more of than the others by c-TF-IDF (Grootendorst, "BERTopic", arXiv 2203.05794, 2022). Thin
// (labels.go) keeps the labels of a level from covering each other.
//
// # What holds
//
// The same input gives the same places, bit for bit, for any number of workers. Work stops within one step of the end
// of its context. Memory is about 100 bytes a point and 8 a link, and 8 a cell of the grids, of which there are about
// ten a point.
package layout
