#include "index/index_snapshot.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "index/coded_part.h"

namespace recstream {
namespace {

// Norms carry a relative error of about 1e-13; bounds made from them leave room for it.
double checked_norm(const float* vector, std::int64_t dimension, std::int64_t row, const kernels::Table& kernels) {
  const double square = kernels.dot_exact(vector, vector, static_cast<int>(dimension));
  // Squares of finite float32 values cannot overflow float64, so only NaN and infinity end up here.
  if (!std::isfinite(square)) throw std::invalid_argument("vectors: row " + std::to_string(row) + " is not finite");
  return std::sqrt(square);
}

double largest_norm(const Block& block) {
  const auto& norms = block.storage->norms;
  return *std::max_element(norms.begin(), norms.begin() + block.count);
}

// Writes into slots that no snapshot shows yet, or into storage that no snapshot has yet.
void write_slot(Block& block, std::int64_t slot, std::span<const float> vector, double norm) {
  std::memcpy(block.storage->owned.get() + slot * static_cast<std::int64_t>(vector.size()), vector.data(),
              vector.size_bytes());
  block.storage->norms[static_cast<std::size_t>(slot)] = norm;
  block.count = std::max(block.count, static_cast<int>(slot) + 1);
  set_bit(block.live, slot);
}

std::shared_ptr<BlockStorage> own_storage(const Block& block, std::int64_t dimension) {
  auto storage = std::make_shared<BlockStorage>();
  storage->owned = std::make_unique<float[]>(static_cast<std::size_t>(kBlockRows * dimension));
  storage->vectors = storage->owned.get();
  if (block.count > 0) {
    const auto floats = static_cast<std::size_t>(block.count * dimension);
    std::memcpy(storage->owned.get(), block.storage->vectors, floats * sizeof(float));
    storage->norms = block.storage->norms;
  }
  return storage;
}

void require_no_gap(std::span<const std::int64_t> rows, std::int64_t first_new) {
  std::vector<std::int64_t> fresh;
  for (const auto row : rows) {
    if (row < 0) throw std::invalid_argument("rows: " + std::to_string(row) + " is negative");
    if (row >= first_new) fresh.push_back(row);
  }
  std::sort(fresh.begin(), fresh.end());
  std::int64_t next = first_new;
  for (const auto row : fresh) {
    if (row > next) {
      throw std::invalid_argument("rows: " + std::to_string(row) + " would leave a gap; the next new row is " +
                                  std::to_string(next));
    }
    next = row + 1;
  }
}

/// The blocks of a snapshot in the making; makes each block that is touched its own, once.
class SnapshotEditor {
 public:
  explicit SnapshotEditor(const IndexSnapshot& base) : next_(base), edited_(base.blocks.size()) {}

  void set(std::int64_t row, std::span<const float> vector, double norm) {
    const auto slot = row % kBlockRows;
    Block& block = edit(row / kBlockRows);
    const bool appended = slot >= block.count;
    if (!appended && !has_bit(block.live, slot)) --next_.deleted;
    if (needs_copy(row, block)) block.storage = own_storage(block, next_.dimension);
    write_slot(block, slot, vector, norm);
    block.max_norm = appended ? std::max(block.max_norm, norm) : largest_norm(block);
    next_.rows = std::max(next_.rows, row + 1);
  }

  void erase(std::int64_t row) {
    Block& block = edit(row / kBlockRows);
    if (!has_bit(block.live, row % kBlockRows)) return;
    clear_bit(block.live, row % kBlockRows);
    ++next_.deleted;
  }

  IndexSnapshot finish() && { return std::move(next_); }

 private:
  Block& edit(std::int64_t number) {
    const auto b = static_cast<std::size_t>(number);
    if (b >= edited_.size()) {
      edited_.resize(b + 1);
      next_.blocks.resize(b + 1);
    }
    if (!edited_[b]) {
      edited_[b] = next_.blocks[b] ? std::make_shared<Block>(*next_.blocks[b]) : std::make_shared<Block>();
      shared_storage_.resize(edited_.size());
      shared_storage_[b] = edited_[b]->storage.get();
      next_.blocks[b] = edited_[b];
    }
    return *edited_[b];
  }

  // Appending needs no copy when there is room behind the rows that other snapshots show.
  bool needs_copy(std::int64_t row, const Block& block) const {
    if (!block.storage || !block.storage->owned) return true;
    const auto b = static_cast<std::size_t>(row / kBlockRows);
    const bool shared = block.storage.get() == shared_storage_[b];
    return shared && row < base_rows_;
  }

  IndexSnapshot next_;
  std::int64_t base_rows_ = next_.rows;
  std::vector<std::shared_ptr<Block>> edited_;
  std::vector<const BlockStorage*> shared_storage_;
};

// What std::make_shared puts beside its object: two counts and a table of functions.
constexpr std::int64_t kControlBytes = 16;

}  // namespace

std::int64_t IndexSnapshot::bytes() const {
  constexpr std::int64_t kVectorBytes = sizeof(float);
  auto bytes = static_cast<std::int64_t>(blocks.capacity() * sizeof(blocks.front())) + (coded ? coded->bytes() : 0);
  for (const auto& block : blocks) {
    const std::int64_t slots = block->storage->owned ? kBlockRows : block->count;
    bytes += static_cast<std::int64_t>(sizeof(Block) + sizeof(BlockStorage)) + 2 * kControlBytes +
             slots * dimension * kVectorBytes;
  }
  return bytes;
}

IndexSnapshot borrow_rows(const MatrixView& vectors, const kernels::Table& kernels) {
  require_dimension(vectors.dimension, "vectors");
  IndexSnapshot snapshot;
  snapshot.dimension = vectors.dimension;
  snapshot.rows = vectors.rows;
  for (std::int64_t first = 0; first < vectors.rows; first += kBlockRows) {
    auto block = std::make_shared<Block>();
    block->storage = std::make_shared<BlockStorage>();
    block->storage->vectors = vectors.row(first).data();
    block->count = static_cast<int>(std::min(kBlockRows, vectors.rows - first));
    for (std::int64_t slot = 0; slot < block->count; ++slot) {
      const auto row = first + slot;
      block->storage->norms[static_cast<std::size_t>(slot)] =
          checked_norm(vectors.row(row).data(), vectors.dimension, row, kernels);
      set_bit(block->live, slot);
    }
    block->max_norm = largest_norm(*block);
    snapshot.blocks.push_back(std::move(block));
  }
  return snapshot;
}

IndexSnapshot with_rows(const IndexSnapshot& base, std::span<const std::int64_t> rows, const MatrixView& vectors,
                        const kernels::Table& kernels) {
  if (vectors.rows != static_cast<std::int64_t>(rows.size()) || vectors.dimension != base.dimension) {
    throw std::invalid_argument("vectors must have shape (" + std::to_string(rows.size()) + ", " +
                                std::to_string(base.dimension) + "), one for each of rows, got (" +
                                std::to_string(vectors.rows) + ", " + std::to_string(vectors.dimension) + ")");
  }
  require_no_gap(rows, base.rows);
  std::vector<double> norms(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto r = static_cast<std::int64_t>(i);
    norms[i] = checked_norm(vectors.row(r).data(), vectors.dimension, r, kernels);
  }
  // In rising order, so that a block gets its appended rows without gaps; stable, so that the last of equals wins.
  std::vector<std::size_t> order(rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rows[a] < rows[b]; });

  SnapshotEditor editor(base);
  for (const auto i : order) editor.set(rows[i], vectors.row(static_cast<std::int64_t>(i)), norms[i]);
  return std::move(editor).finish();
}

IndexSnapshot without_rows(const IndexSnapshot& base, std::span<const std::int64_t> rows) {
  for (const auto row : rows) {
    if (row < 0 || row >= base.rows) {
      throw std::invalid_argument("rows: " + std::to_string(row) + " is unknown; the index has rows 0 to " +
                                  std::to_string(base.rows - 1));
    }
  }
  SnapshotEditor editor(base);
  for (const auto row : rows) editor.erase(row);
  return std::move(editor).finish();
}

}  // namespace recstream
