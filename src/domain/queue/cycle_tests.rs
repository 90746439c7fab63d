use super::*;

/// Every way there is, tried.
fn closes(from: usize, graph: &[Vec<usize>]) -> bool {
    fn reaches(at: usize, to: usize, graph: &[Vec<usize>], seen: &mut Vec<usize>) -> bool {
        graph[at].iter().any(|&next| {
            next == to
                || (!seen.contains(&next) && {
                    seen.push(next);
                    reaches(next, to, graph, seen)
                })
        })
    }
    reaches(from, from, graph, &mut vec![from])
}

#[test]
fn a_circle_is_found_if_there_is_one_and_is_one() {
    let (mut circles, mut none) = (0, 0);
    let mut random = super::super::line::tests::Random::new(7);
    for _ in 0..20_000 {
        let count = 1 + random.below(7);
        let graph: Vec<Vec<usize>> =
            (0..count).map(|_| (0..count).filter(|_| random.below(4) == 0).collect()).collect();
        let found = cycle(0, |at| graph[at].clone());
        assert_eq!(found.is_some(), closes(0, &graph), "{graph:?}");
        let Some(way) = found else {
            none += 1;
            continue;
        };
        circles += 1;
        assert_eq!(way[0], 0);
        for (at, next) in way.iter().zip(way.iter().cycle().skip(1)) {
            assert!(graph[*at].contains(next), "{way:?} in {graph:?}");
        }
    }
    assert!(circles > 1000 && none > 1000, "{circles} {none}");
}

#[test]
fn of_several_circles_the_shortest_is_named() {
    let graph = [vec![1, 3], vec![2], vec![0], vec![0]];
    assert_eq!(cycle(0, |at| graph[at].clone()), Some(vec![0, 3]));
    assert_eq!(cycle(0, |_| vec![0]), Some(vec![0]));
    assert_eq!(cycle(0, |at| if at < 50_000 { vec![at + 1] } else { vec![] }), None);
}
