package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

// topics is a dataset of 6 subjects with 12 papers each, and a query with all of its papers relevant for each subject.
func topics() *dataset {
	rng := rand.New(rand.NewPCG(1, 1))
	ds := &dataset{Name: "topics"}
	for topic := range 6 {
		q := query{ID: fmt.Sprint("q", topic), Text: fmt.Sprintf("topic%d", topic), Grades: map[string]int{}}
		for i := range 12 {
			d := document{ID: fmt.Sprintf("%d-%d", topic, i), Title: fmt.Sprintf("paper %d", i)}
			for range 30 {
				d.Text += fmt.Sprintf("word%dx%d ", topic, rng.IntN(15))
			}
			ds.Documents = append(ds.Documents, d)
			q.Grades[d.ID] = 1 + i%3
		}
		ds.Queries = append(ds.Queries, q)
	}
	return ds
}

func TestUsersKeepTheirLikesApartFromWhatIsToBeFound(t *testing.T) {
	c, err := build(context.Background(), topics(), options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, row := range tasteRows {
		u, ok := c.drawUser(rng, c.pools(), &row)
		if !ok {
			t.Fatalf("%q: no user can be drawn", row.Name)
		}
		taken := map[uint32]bool{}
		for i, slot := range u.likes {
			if taken[slot] || u.find[u.interest[i]][slot] > 0 {
				t.Errorf("%q: the like %d occurs twice", row.Name, slot)
			}
			taken[slot] = true
		}
		for i, likes := range row.Likes {
			if len(u.find[i]) != 12-likes {
				t.Errorf("%q: %d papers of interest %d are to be found, want %d", row.Name, len(u.find[i]), i, 12-likes)
			}
		}
		for _, slot := range u.dislikes {
			if taken[slot] {
				t.Errorf("%q: %d is liked and disliked", row.Name, slot)
			}
		}
	}
}

// Where subjects share no word, whatever is found is of the subjects liked.
func TestEveryRecommenderFindsPapersOfTheInterests(t *testing.T) {
	c, err := build(context.Background(), topics(), options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := c.drawUser(rand.New(rand.NewPCG(3, 3)), c.pools(), &tasteRows[6]) // two interests of four likes
	for _, rec := range recommenders() {
		hits, err := rec.rank(context.Background(), c, u, 10)
		if err != nil || len(hits) != 10 {
			t.Fatalf("%s: %d hits, %v", rec.Name, len(hits), err)
		}
		for _, slot := range hits {
			if u.find[0][slot] == 0 && u.find[1][slot] == 0 {
				t.Errorf("%s recommends %s", rec.Name, c.Documents[slot].ID)
			}
		}
	}
}
