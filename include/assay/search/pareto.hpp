// Pareto fronts of two objectives: score (higher is better) against cost (lower is better).
#pragma once

#include <span>
#include <vector>

namespace assay {

struct Point {
  double score = 0;
  double cost = 0;
};

// There has to be a point.
double median_score(std::span<const Point> points);

// Layer of each point: 0 for the front, 1 for the front of what is left without it, and so on. Of equal
// points the first stands before the others, which fall into later layers. O(n log n).
std::vector<int> pareto_layers(std::span<const Point> points);

// Indices of the front, by ascending cost (hence ascending score).
std::vector<int> pareto_front(std::span<const Point> points);

// Area dominated by the points and bounded by the reference point (a score and a cost that are both bad).
double hypervolume(std::span<const Point> points, Point reference);

// Up to `count` indices spread over the front, by descending score: the best score first of all, then
// greedily whatever adds most hypervolume. The reference point is the cohort's median score and the dearest
// cost on the front, so networks worse than the median are chosen only to fill up. A front shorter than
// `count` is filled from the next layers, best score first. Shortlists of the same points are nested: a
// longer one contains the shorter.
std::vector<int> choose_shortlist(std::span<const Point> points, int count);

}  // namespace assay
