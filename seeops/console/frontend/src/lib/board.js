// The release board: one small square per node.
export function draw(root) {
  return root;
}
