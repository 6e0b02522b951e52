package dev.fettle.model;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.Var;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// A decoder-only language model: embedding, blocks, norm, head.
///
/// Not safe for use by several threads at once: all quantized layers share one scratch buffer.
public final class CausalLm implements AutoCloseable {
  private final ModelConfig config;
  private final DType computeDtype;
  private final Embedding embedding;
  private final List<DecoderBlock> blocks;
  private final RmsNorm finalNorm;
  private final LanguageHead head;
  private final SequencedMap<String, Linear> linears;
  private final List<Parameter> baseParameters;
  private final List<AutoCloseable> resources;

  CausalLm(Parts parts) {
    this.config = parts.config();
    this.computeDtype = parts.computeDtype();
    this.embedding = parts.embedding();
    this.blocks = parts.blocks();
    this.finalNorm = parts.finalNorm();
    this.head = parts.head();
    this.linears = parts.linears();
    this.baseParameters = parts.parameters();
    this.resources = parts.resources();
  }

  /// What a model is assembled from.
  record Parts(
      ModelConfig config,
      DType computeDtype,
      Embedding embedding,
      List<DecoderBlock> blocks,
      RmsNorm finalNorm,
      LanguageHead head,
      SequencedMap<String, Linear> linears,
      List<Parameter> parameters,
      List<AutoCloseable> resources) {}

  /// Loads a model folder. Weights already in the compute dtype are used where the file is mapped,
  /// without a copy.
  ///
  /// @throws dev.fettle.tensor.UserException if the folder is not a complete, supported checkpoint
  public static CausalLm load(Path folder, LoadOptions options) {
    return ModelLoader.load(Checkpoint.open(folder), options);
  }

  public ModelConfig config() {
    return config;
  }

  /// float32 or bfloat16.
  public DType computeDtype() {
    return computeDtype;
  }

  /// Every linear layer inside the blocks by its path, in the order of the computation.
  public SequencedMap<String, Linear> linears() {
    return Collections.unmodifiableSequencedMap(linears);
  }

  /// @throws IllegalArgumentException if there is no such layer
  public Linear linear(String path) {
    Linear linear = linears.get(path);
    if (linear == null) {
      throw new IllegalArgumentException("no linear layer at " + path);
    }
    return linear;
  }

  /// The embedding, for an adapter on it.
  public Embedding embedding() {
    return embedding;
  }

  /// The output head, for an adapter on it; with tied embeddings it uses their weight.
  public Linear head() {
    return head.projection();
  }

  /// A linear layer of the blocks, or the head.
  ///
  /// @throws IllegalArgumentException if there is no such layer
  public Linear layer(String path) {
    return path.equals(LanguageHead.PATH) ? head() : linear(path);
  }

  /// Replaces rows of the output head, or puts the frozen ones back.
  public void headTokens(@Nullable TokenRows rows) {
    head.tokens(rows);
  }

  /// The single tensors of the model by name, for training some of them in full.
  public ModelTensors tensors() {
    return new ModelTensors(this, blocks, finalNorm);
  }

  /// The trained weights of the base; empty unless the model was loaded trainable.
  public List<Parameter> baseParameters() {
    return Collections.unmodifiableList(baseParameters);
  }

  public KvCache newCache(int batch, int capacity) {
    return new KvCache(config, computeDtype, batch, capacity);
  }

  /// Hidden states after the final norm, `[batch · length, hidden]`, in the current scope.
  ///
  /// @param ids equally long rows
  public Tensor hidden(int[][] ids) {
    return hidden(ids, (int[][]) null);
  }

  /// As [#hidden(int[][])], with several documents in each row.
  ///
  /// @param starts per row the first columns of its documents, ascending from 0; null where each
  ///   row is one document. Positions begin anew with each document, and none sees another; right
  ///   padding belongs to the last
  public Tensor hidden(int[][] ids, int @Nullable [][] starts) {
    return forward(inference(ids, null, starts), ids, false).value();
  }

  /// Told the output of each block, `[batch · length, hidden]` in the compute dtype.
  @FunctionalInterface
  public interface BlockListener {
    void block(int index, Tensor output);
  }

  /// As [#hidden(int[][])], telling the output of each block on the way; the outputs belong to the
  /// current scope and must not be changed.
  public Tensor hidden(int[][] ids, BlockListener listener) {
    return forward(inference(ids, null, null), ids, false, listener).value();
  }

  /// Logits of what [#hidden(int[][])] returns, float32 `[rows, vocab]`.
  ///
  /// @param hidden `[rows, hidden]`, after the final norm
  public Tensor logits(Tensor hidden) {
    return head.logits(hidden);
  }

  /// Logits of every position, float32 `[batch · length, vocab]`; for short texts, see {@link
  /// #negativeLogLikelihoods} for long ones.
  public Tensor logits(int[][] ids) {
    try (Scope scope = Scope.open()) {
      return scope.keep(head.logits(hidden(ids)));
    }
  }

  /// The hidden states before the first block, `[batch · length, hidden]`, in the current scope.
  ///
  /// @param ids equally long rows
  public Tensor embed(int[][] ids) {
    checkLength(ids[0].length);
    try (Scope scope = Scope.open()) {
      return scope.keep(embedding.apply(Tape.inference(), embedding.rows(ids)).value());
    }
  }

  /// Runs some of the blocks on sequences from their first position on, for algorithms that keep
  /// hidden states themselves.
  ///
  /// @param from the first block
  /// @param to the block after the last; at most {@link #blocks()}
  /// @param hidden `[batch · length, hidden]` before block `from`; stays unchanged
  /// @return the same before block `to`, in the current scope
  public Tensor run(int from, int to, Tensor hidden, int batch) {
    int length = Math.toIntExact(hidden.size(0) / batch);
    try (Scope scope = Scope.open()) {
      Pass pass = Pass.inference(batch, length);
      Tensor x = hidden;
      for (DecoderBlock block : blocks.subList(from, to)) {
        x = block.apply(pass, Var.constant(x)).value();
      }
      return x == hidden ? x : scope.keep(x);
    }
  }

  /// How many blocks there are.
  public int blocks() {
    return blocks.size();
  }

  /// Logits for hidden states after the last block, float32 `[rows, vocab]`.
  ///
  /// @param hidden `[rows, hidden]`
  public Tensor headLogits(Tensor hidden) {
    try (Scope scope = Scope.open()) {
      return scope.keep(
          head.logits(finalNorm.apply(Tape.inference(), Var.constant(hidden)).value()));
    }
  }

  /// Continues the sequences in `cache` by `ids` and returns the logits after the last of them,
  /// float32 `[batch, vocab]`. Where the sequences outgrow the length up to which their rotary
  /// embeddings have one set of frequencies, they are read again from the first token with the
  /// other.
  public Tensor nextLogits(int[][] ids, KvCache cache) {
    if (cache.length() + ids[0].length > cache.capacity()) {
      throw new IllegalArgumentException("the cache holds " + cache.capacity() + " positions");
    }
    if (RotaryFrequencies.change(config, cache.length(), cache.length() + ids[0].length)) {
      int[][] all = cache.tokensAnd(ids);
      cache.clear();
      return nextLogits(all, cache);
    }
    try (Scope scope = Scope.open()) {
      Tensor hidden = forward(inference(ids, cache, null), ids, false).value();
      cache.advance(ids);
      long length = ids[0].length;
      Tensor last = hidden.view(ids.length, length, config.hiddenSize()).narrow(1, length - 1, 1);
      return scope.keep(head.logits(last.reshape(ids.length, config.hiddenSize())));
    }
  }

  /// Negative log-likelihood in nats of the labels; those of −100 are left out. As in transformers
  /// the label of position `i` is compared with the prediction at `i − 1`.
  ///
  /// @return one value per label that counts, row by row
  public float[] negativeLogLikelihoods(int[][] ids, int[][] labels) {
    return negativeLogLikelihoods(ids, labels, null);
  }

  /// As [#negativeLogLikelihoods(int[][],int[][])], with several documents in each row.
  ///
  /// @param starts as for [#hidden(int[][],int[][])]; the label of a document's first token must be
  ///   −100, as nothing predicts it
  public float[] negativeLogLikelihoods(int[][] ids, int[][] labels, int @Nullable [][] starts) {
    Targets targets = Targets.of(labels);
    if (targets.count() == 0) {
      return new float[0];
    }
    try (Scope scope = Scope.open()) {
      Tensor rows = hidden(ids, starts).indexSelect(0, Tensors.ofLongs(targets.rows()));
      return head.negativeLogLikelihoods(rows, Tensors.ofLongs(targets.ids())).toFloats();
    }
  }

  /// One forward and backward pass: adds `lossScale` times the gradient of the summed loss to the
  /// gradients of all trained parameters.
  ///
  /// @param ids equally long rows, padded on the right
  /// @param labels same shape; −100 where nothing is to be learned
  /// @param options loss scale, recomputation, dropout seed
  /// @return the sum of the losses in nats, unscaled
  /// @throws IllegalArgumentException if no position has a label
  public double lossAndGradients(int[][] ids, int[][] labels, StepOptions options) {
    return lossAndGradients(ids, labels, null, options);
  }

  /// As [#lossAndGradients(int[][],int[][],StepOptions)], with several documents in each row; loss
  /// and gradients are those of the documents each by itself.
  ///
  /// @param starts as for [#hidden(int[][],int[][])]; the label of a document's first token must be
  ///   −100, as nothing predicts it
  public double lossAndGradients(
      int[][] ids, int[][] labels, int @Nullable [][] starts, StepOptions options) {
    Targets targets = Targets.of(labels);
    if (targets.count() == 0) {
      throw new IllegalArgumentException("nothing to learn: every label is -100");
    }
    try (Scope scope = Scope.open();
        Tape tape = Tape.training()) {
      Pass pass = new Pass(tape, ids.length, ids[0].length, 0, null, options.dropoutSeed(), starts);
      Var hidden = forward(pass, ids, options.recompute());
      double loss =
          head.lossAndGradient(
              hidden,
              Tensors.ofLongs(targets.rows()),
              Tensors.ofLongs(targets.ids()),
              options.lossScale(),
              options.dropoutSeed());
      if (hidden.needsGrad()) {
        tape.backward();
      }
      return loss;
    }
  }

  /// @param lossScale what each token's loss counts
  /// @param recompute keep only each block's input and run the block again for its gradient
  /// @param dropoutSeed different for every micro-batch; null switches dropout off
  public record StepOptions(double lossScale, boolean recompute, @Nullable Long dropoutSeed) {}

  private Pass inference(int[][] ids, @Nullable KvCache cache, int @Nullable [][] starts) {
    int start = cache == null ? 0 : cache.length();
    return new Pass(Tape.inference(), ids.length, ids[0].length, start, cache, null, starts);
  }

  private Var forward(Pass pass, int[][] ids, boolean recompute) {
    return forward(pass, ids, recompute, (_, _) -> {});
  }

  private Var forward(Pass pass, int[][] ids, boolean recompute, BlockListener listener) {
    checkLength(pass.start() + Documents.longest(pass.starts(), pass.length()));
    Tensor flat = embedding.rows(ids);
    Var x = embedding.apply(pass.tape(), flat);
    int index = 0;
    for (DecoderBlock block : blocks) {
      x = pass.tape().block(x, recompute, (tape, in) -> block.apply(pass.with(tape), in));
      listener.block(index++, x.value());
    }
    return finalNorm.apply(pass.tape(), x);
  }

  /// The longest text the model takes, in tokens.
  public int maxLength() {
    return config.maxLength();
  }

  /// @throws UserException if the model cannot take so many positions
  private void checkLength(int positions) {
    int most = maxLength();
    if (positions > most) {
      throw new UserException(
          "The text has %d tokens, but this model takes %d; shorten it or lower --seq-length."
              .formatted(positions, most));
    }
  }

  /// Frees the weights and unmaps the files.
  @Override
  public void close() {
    for (AutoCloseable resource : resources.reversed()) {
      try {
        resource.close();
      } catch (Exception e) {
        throw new IllegalStateException("cannot close a part of the model", e);
      }
    }
  }
}
