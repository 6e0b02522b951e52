/// A scheme for every layer so that the model stays as close to itself as a size allows: measure
/// what each layer costs in each scheme, choose, measure the choice.
///
/// Reading order: {@link dev.fettle.calibrate.budget.BudgetSearch}, {@link
/// dev.fettle.calibrate.budget.Sensitivity}, {@link dev.fettle.calibrate.budget.Knapsack}.
@NullMarked
package dev.fettle.calibrate.budget;

import org.jspecify.annotations.NullMarked;
